"""Text on its way in: files → documents → texts → numbers → batches."""
