"""Tags: suggested, decided on, written into files."""
