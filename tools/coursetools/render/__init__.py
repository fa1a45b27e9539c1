"""What is made of an executed or a plain notebook: pages, and files for Kaggle."""
