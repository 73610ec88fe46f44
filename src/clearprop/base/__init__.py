"""What everything says and checks: errors, sentences, arrays, numbers, settings, whole files."""
