"""The load generator in Python, for machines without a C compiler: the modes, options, checks and JSON of bench/load,
whose comments say why. It is as slow as the servers that it loads.
"""
