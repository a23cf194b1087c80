"""Handing over: sounds sent to other programs, and copied for projects."""
