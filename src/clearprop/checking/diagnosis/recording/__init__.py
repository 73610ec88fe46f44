"""A person's forward as a tape: arrays that write down what is done with them."""
