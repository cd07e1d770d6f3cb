"""The network: `transport` moves bytes, `client` keeps the account's quota and patience."""
