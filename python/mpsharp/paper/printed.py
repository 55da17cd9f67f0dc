"""What the paper prints in its tables: mean and standard deviation over 50 subsets, or 20,000 starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

SIZES = (100, 300, 500, 1000)


class PrintedValue(NamedTuple):
    """An entry of a table: mean, standard deviation, and the text with the digits that the paper gives."""

    mean: float
    deviation: float
    text: str


Printed = Mapping[int, PrintedValue]


def _printed(text: str, sizes: Sequence[int] = SIZES) -> Printed:
    """Entries such as "0.22(0.04) 1.70(0.16)", one per size."""
    return {n: _value(entry) for n, entry in zip(sizes, text.split(), strict=True)}


def _value(text: str) -> PrintedValue:
    mean, deviation = text.rstrip(")").split("(")
    return PrintedValue(float(mean), float(deviation), text)


# Mean and standard deviation over 50 subsets, as printed (Section 4.1, Section 5.1, Appendices C.6 and C.7).
PRINTED: dict[str, dict[str, Printed]] = {
    "cifar10-cat-dog": {
        "difficulty": _printed("0.22(0.04) 1.70(0.16) 44.44(3.32)", (100, 300, 1000)),
        "threshold": _printed("6.0(1.2) 47.4(5.3) 155.9(15.4) 1246.1(100.2)"),
        "predicted_2": _printed("365(61) 1017(91) 1851(128) 5243(296)"),
        "predicted_3": _printed("283(53) 1111(114) 2465(202) 9876(662)"),
        "predicted_4": _printed("249(50) 1161(127) 2845(252) 13555(983)"),
        "predicted_5": _printed("231(48) 1193(136) 3101(287) 16391(1244)"),
        "gap_2": _printed("2.18(0.18) 0.77(0.04) 0.43(0.02) 0.15(0.01)"),
        "gap_3": _printed("3.36(0.19) 1.68(0.05) 1.13(0.03) 0.56(0.01)"),
        "gap_4": _printed("4.42(0.18) 2.63(0.06) 1.96(0.04) 1.16(0.02)"),
        "gap_5": _printed("5.46(0.18) 3.60(0.07) 2.84(0.05) 1.87(0.03)"),
        "initial_lower": _printed("262.57(29.72) 260.42(15.41) 261.94(12.15) 261.93(9.16)"),
        "initial_gap": _printed("8.91(1.03) 7.44(0.47) 7.18(0.36) 7.00(0.27)"),
        "initial_sharpness": _printed("266.56(388.70) 264.07(383.16) 265.37(384.81) 265.40(384.68)"),
        "converged_lower": _printed("514.11(75.15) 1141.41(97.49) 1964.56(132.45) 5325.42(298.65)"),
        "converged_gap": _printed("44.16(4.46) 17.15(1.00) 9.64(0.57) 3.42(0.15)"),
    },
    "svhn-3-5": {
        "difficulty": _printed("1.16(0.26) 21.13(2.90) 859.4(67.2)", (100, 300, 1000)),
        "threshold": _printed("49.29(11.76) 897.24(127.75) 4167.96(537.27) 36556.80(3015.35)"),
        "predicted_2": _printed("1936.80(302.71) 8264.30(712.54) 17851.97(1343.15) 52935.36(2685.86)"),
        "predicted_3": _printed("1988.28(379.48) 13748.10(1470.64) 38350.34(3640.47) 163272.16(10276.97)"),
        "predicted_4": _printed("2015.60(419.40) 17735.64(2084.52) 56218.58(5896.34) 286762.97(19824.50)"),
        "predicted_5": _printed("2032.51(443.82) 20665.06(2560.53) 70724.27(7841.86) 402067.19(29295.27)"),
        "gap_2": _printed("0.95(0.12) 0.22(0.02) 0.10(0.01) 0.03(0.00)"),
        "gap_3": _printed("1.93(0.16) 0.73(0.03) 0.44(0.02) 0.21(0.01)"),
        "gap_4": _printed("2.92(0.18) 1.40(0.05) 0.96(0.03) 0.55(0.01)"),
        "gap_5": _printed("3.91(0.19) 2.18(0.06) 1.60(0.04) 1.04(0.02)"),
        "initial_lower": _printed("602.25(39.35) 600.50(23.20) 601.97(15.63) 602.17(12.55)"),
        "initial_gap": _printed("12.54(1.43) 11.66(0.71) 11.49(0.42) 11.33(0.25)"),
        "initial_sharpness": _printed("610.09(886.94) 608.07(882.80) 609.07(883.88) 609.38(884.33)"),
        "converged_lower": _printed("2250.11(316.08) 8539.61(718.93) 18105.67(1347.25) 53138.75(2688.77)"),
        "converged_gap": _printed("47.14(5.06) 11.15(0.81) 5.19(0.30) 1.75(0.07)"),
    },
    "speech-yes-no": {
        "difficulty": _printed("0.26(0.04) 1.67(0.18) 26.34(2.35)", (100, 300, 1000)),
        "threshold": _printed("7.10(1.12) 43.96(4.86) 119.38(10.01) 688.18(60.07)"),
        "predicted_2": _printed("362.74(34.85) 891.27(57.97) 1468.31(73.87) 3500.62(151.26)"),
        "predicted_3": _printed("291.73(34.35) 971.45(77.30) 1890.28(117.04) 6038.67(345.34)"),
        "predicted_4": _printed("261.68(33.80) 1014.34(88.64) 2144.92(145.91) 7931.86(510.36)"),
        "predicted_5": _printed("245.18(33.38) 1041.02(96.00) 2313.93(166.05) 9342.15(641.56)"),
        "gap_2": _printed("1.94(0.14) 0.78(0.04) 0.47(0.02) 0.20(0.01)"),
        "gap_3": _printed("3.11(0.15) 1.69(0.06) 1.21(0.03) 0.67(0.02)"),
        "gap_4": _printed("4.18(0.16) 2.64(0.07) 2.06(0.04) 1.33(0.03)"),
        "gap_5": _printed("5.21(0.15) 3.61(0.08) 2.96(0.05) 2.08(0.04)"),
        "initial_lower": _printed("233.42(12.69) 230.01(10.14) 229.77(6.93) 227.72(3.80)"),
        "initial_gap": _printed("11.36(0.58) 10.88(0.37) 10.81(0.26) 10.69(0.16)"),
        "initial_sharpness": _printed("237.50(342.38) 233.95(337.19) 233.68(336.58) 231.59(333.44)"),
        "converged_lower": _printed("490.39(38.74) 994.79(60.39) 1557.68(75.34) 3559.35(151.39)"),
        "converged_gap": _printed("36.04(2.77) 15.36(1.10) 9.39(0.48) 3.89(0.19)"),
    },
}
