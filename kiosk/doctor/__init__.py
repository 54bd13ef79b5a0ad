"""`kiosk doctor`: is this terminal fit for service, and if not, what mends it? (docs/doctor.md)"""
