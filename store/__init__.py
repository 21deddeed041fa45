"""The only holder of keys and disk: catalog, blobs, ledger, audit chain."""
