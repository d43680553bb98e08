"""The API documents (OpenAPI 3.1), made from what routes and endpoints declare, and the page that shows them."""
