"""Handing over: the one door through which sounds leave for other programs."""
