"""Tags: lists of labels, suggestions by sound and by name, and what people made of them."""
