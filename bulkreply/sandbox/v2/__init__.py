"""The routes of V2: campaigns are the sequences of V3, seen through their e-mail steps."""
