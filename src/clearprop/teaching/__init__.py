"""For lessons: the tutorial run, exercises made and marked, and everything that is handed out.

experiments   the tutorial's experiments, their numbers as data
exercises     sheets of a small network with blanks, and their answers
grading       the marks of what students hand in
reports       the report, explanations, sheets and keys as pages
"""
