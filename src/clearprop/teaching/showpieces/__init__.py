"""Networks of more than rows, trained, explained and compared: `clearprop reproduce NAME`."""
