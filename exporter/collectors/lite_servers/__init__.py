"""Lite Servers, which are whole machines (Huawei Cloud only)."""
