"""A table trained on, as a folder: the runs of `clearprop train`, and what is done with one."""
