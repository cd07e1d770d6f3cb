"""bulkreply: async bulk import and export for Reply."""

__version__ = "0.1.0"
