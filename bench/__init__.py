"""Measurements that the documents in docs/ rest on. Run by `make bench`; nothing of the product imports from here."""
