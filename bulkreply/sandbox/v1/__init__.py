"""The part of V1 that the stand-in speaks."""
