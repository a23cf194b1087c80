"""What is learnt from: data sets on disk, caches of sounds, and pairs drawn in batches."""
