"""What is minimised: the losses, and the ground metric that they learn."""
