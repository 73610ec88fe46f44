"""Reports: figures, an HTML page and a file of numbers, made from what the experiments returned."""
