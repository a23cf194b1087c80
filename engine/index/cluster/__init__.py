"""Listen on the machines of a Ray cluster; this process alone writes into the library.

The only package that imports Ray, which is an extra: ``soundsift[cluster]``.
"""
