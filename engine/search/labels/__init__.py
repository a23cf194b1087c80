"""Labels, rivals for a sound: lists of them, how well each fits, and how likely it is right."""
