"""Sources of documents, one file each, behind the Source protocol."""
