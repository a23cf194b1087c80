"""Tags: taxonomies, suggestions by sound and by name, and what users decided."""
