"""From the outside into the store: sources, intake, and the confined parser."""
