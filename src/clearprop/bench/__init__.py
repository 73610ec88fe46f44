"""How fast is a training here? The same steps, by us and by others, in turns on one machine.

    limit_threads(1)                                 # of `timing`, before NumPy is loaded
    measured = compare(WORKLOADS["64-128-10"], installed_peers(), rounds=9)    # of `comparison`
    print(measured.best_peer, measured.ratio_to(measured.best_peer))

Nothing is imported here: how many threads NumPy has is settled when it is loaded.
"""
