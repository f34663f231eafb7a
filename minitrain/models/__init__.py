"""Models: one architecture a file. A model turns a batch into answers; it knows no loss and no data."""
