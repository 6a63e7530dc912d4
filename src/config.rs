//! Parameters: read, checked, refused by name. See the contract.
