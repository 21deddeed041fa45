"""Makes what is stored findable: passages, vectors, full text, fusion."""
