"""Says what a document means: tags, action items, project links, each with evidence."""
