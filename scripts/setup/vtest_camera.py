"""The camera of vtest.avi, from the calibration published with PETS 2009 for view 001.

The calibration follows Tsai: a pixel (u, v) lies on the sensor, in mm, at

    X_d = (u - CX_PX) * DPX_MM / SX,   Y_d = (v - CY_PX) * DPY_MM

and undistorted at X_u = X_d * (1 + KAPPA1 * r_d^2), with X_u = F_MM * X_c / Z_c. Dividing by F_MM
gives focal lengths in pixels and the distortion as ROS states it (plumb_bob), which runs the other
way, from undistorted to distorted: k1, k2 and k3 are the series of the inverse, good to 0.03 pixel.

The camera stands 7.07 m above the ground and looks down by 0.288 rad (16.5 degrees), rolled by
0.054 rad with its right side low, from the same calibration's extrinsics:
rx 2.0405458695, ry -0.89337703748, rz -0.43056124791 rad; T 828.732, -3175.480, 35469.299 mm.
With it, the people in the footage are 1.74 m tall (median) and 17 to 36 m away.
"""

WIDTH_PX, HEIGHT_PX = 768, 576

F_MM = 5.5549183034
DPX_MM, DPY_MM = 5.1273271277e-3, 4.65e-3
SX = 1.0937855397
CX_PX, CY_PX = 324.22149053, 282.56650051
KAPPA1_PER_MM2 = 5.1113043639e-3

FX_PX = F_MM * SX / DPX_MM
FY_PX = F_MM / DPY_MM


def plumb_bob() -> list[float]:
    """`[k1, k2, t1, t2, k3]` of the inverse of x = x_d * (1 + kappa * r_d^2)."""
    kappa = KAPPA1_PER_MM2 * F_MM**2
    return [-kappa, 3 * kappa**2, 0.0, 0.0, -12 * kappa**3]


def camera_matrix() -> list[float]:
    """K, row-major: from the normalised image plane to pixels."""
    return [FX_PX, 0.0, CX_PX, 0.0, FY_PX, CY_PX, 0.0, 0.0, 1.0]


def projection_matrix() -> list[float]:
    """P, row-major 3x4: that of one camera whose rectified image keeps K."""
    return [FX_PX, 0.0, CX_PX, 0.0, 0.0, FY_PX, CY_PX, 0.0, 0.0, 0.0, 1.0, 0.0]
