"""What is printed: words in two languages, numbers, equations of the table's rows.

Words in English and Chinese; rows of the table over named quantities, written with names or with
numbers that come to what is printed (`equations`), their derivatives, made short (`derivatives`),
as LaTeX (`latex`).
"""
