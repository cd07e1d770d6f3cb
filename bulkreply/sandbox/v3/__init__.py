"""The part of V3 that the stand-in speaks."""
