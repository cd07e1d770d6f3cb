"""The same path in reverse: Reply's pages into files and tables, complete, resumable, whole or not at all."""
