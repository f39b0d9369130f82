"""What `trine demo` runs on: a small trained model and a hundred handwritten digits."""
