"""What every room of the window uses: jobs, the library, small widgets, looks."""
