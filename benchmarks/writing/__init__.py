"""Sound files of every make, forged by hand, and others' readers that tell what became of them."""
