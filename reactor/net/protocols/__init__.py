"""What bytes mean: messages cut out of a stream. Pure."""
