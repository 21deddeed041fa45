"""One reader per family of formats; all run inside the confined parser."""
