"""Why does this number have this value?"""
