"""What people see: server-rendered pages, their words in two languages, styles and small ES modules."""
