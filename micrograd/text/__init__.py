"""What is printed: words in two languages, numbers, equations of the table's rows."""
