"""Networks for tables: several at once, with defaults that are good, behind scikit-learn's
interface."""
