"""What the API server calls: conversion between versions, validation, and the certificate for both."""
