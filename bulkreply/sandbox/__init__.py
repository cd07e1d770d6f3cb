"""A stand-in Reply on loopback, with quota and faults. It shares no code with the client that turns records into
requests or answers into outcomes."""

from bulkreply.sandbox.app import Sandbox, serve
from bulkreply.sandbox.server import SandboxOptions

__all__ = ["Sandbox", "SandboxOptions", "serve"]
