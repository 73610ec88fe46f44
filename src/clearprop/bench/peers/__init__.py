"""Who trains: one file for each package, which is imported there alone.

A peer is made ready for a workload by a function that returns what is timed: a function of a number
of steps, which trains from the workload's start and returns the last step's loss from before its
update, the mean of all networks'.
"""
