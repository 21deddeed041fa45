"""Schema steps of the catalog, one numbered SQL file each."""
