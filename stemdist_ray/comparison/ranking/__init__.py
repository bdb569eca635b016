"""Do small data rank configurations as full training does?"""
