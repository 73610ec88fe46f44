"""The networks of the exercises on convolution, time and attention: each level's layers, numbers,
formulas, usual mistakes, program and picture."""
