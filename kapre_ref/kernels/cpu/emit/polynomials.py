"""Coefficients of logarithms, exponentials and arc tangents, for emitted and for compiled code."""

# (log(1 + f) - f + f**2 / 2) / f**3 for f from sqrt(1/2) - 1 to sqrt(2) - 1, a least-squares fit
# at Chebyshev nodes; the logarithm's relative error is 7e-9, a ninth of float32's rounding.
LOGARITHM_32 = (
    0.333333283662796,
    -0.2500084638595581,
    0.200014129281044,
    -0.1662275195121765,
    0.14197877049446106,
    -0.13161605596542358,
    0.1278633028268814,
    -0.07660818845033646,
)


# (log((1 + s) / (1 - s)) / s - 2) / s**2 as a polynomial of s**2, where s = f / (2 + f), for the
# same f and by the same fit; the relative error is 3e-18, a fortieth of float64's rounding.
LOGARITHM_64 = (
    0.6666666666666736,
    0.39999999999405056,
    0.2857142874414296,
    0.22222198418752243,
    0.18183571408141674,
    0.15313887403871063,
    0.14797441743849363,
)


# (exp(z) - 1 - z) / z**2 for |z| <= 0.35, a least-squares fit at Chebyshev nodes, where a result is
# rounded to float32; the relative error of exp(z) - 1 is 6e-12, far below float32's rounding.
EXPONENTIAL_32 = (
    0.4999999999978134,
    0.16666666761868215,
    0.04166666690463005,
    0.008333286715896698,
    0.0013888818973309077,
    0.00019906473792980362,
    2.487764994770432e-05,
)


# The same function for |z| <= log(2) / 2, fitted for float64; the error of exp(z) is 2e-17.
EXPONENTIAL_64 = (
    0.5,
    0.1666666666666667,
    0.04166666666662412,
    0.008333333333326151,
    0.001388888891721573,
    0.00019841269874734113,
    2.480152129270408e-05,
    2.755725552520606e-06,
    2.7620090009488906e-07,
    2.510516279929956e-08,
)


# (atan(z) / z - 1) / z**2 as a polynomial of z**2 for |z| up to tan(pi / 8), a least-squares fit at
# Chebyshev nodes; the relative error is 7e-10, far below float32's rounding.
ARC_TANGENT_32 = (
    -0.3333331457963144,
    0.19998442085465307,
    -0.1424306416369808,
    0.10590773287375459,
    -0.06071304110717024,
)


# The same function as ARC_TANGENT_32, fitted for float64; the relative error is 1.4e-18.
ARC_TANGENT_64 = (
    -0.3333333333333319,
    0.19999999999951815,
    -0.14285714280044176,
    0.1111111077676875,
    -0.0909089758572816,
    0.07692057446231296,
    -0.06663075306250786,
    0.05847696909687522,
    -0.0503850261718077,
    0.0380456191092891,
    -0.017887857000404194,
)
