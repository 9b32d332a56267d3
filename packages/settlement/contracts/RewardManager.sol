// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// @title What members have earned and not taken yet
/// @notice Nothing is ever sent to a member by itself, so none can keep others from being paid.
contract RewardManager is ReentrancyGuard {
    /// Sum of all balances: what this contract holds at least.
    uint256 public totalOwed;
    mapping(address account => uint256) public owed;

    event Credited(bytes32 indexed job, address indexed account, uint256 amount);
    event Claimed(address indexed account, address indexed to, uint256 amount);

    error MalformedWeights();
    error NothingOwed(address account);

    /// @notice Credits what is sent to accounts in proportion to their weights, to the last wei: shares are rounded down,
    /// and what is left goes to the first accounts with weight, one wei each.
    function credit(bytes32 job, address[] calldata accounts, uint256[] calldata weights) external payable {
        uint256[] memory amounts = split(msg.value, weights);
        if (accounts.length != weights.length) revert MalformedWeights();
        for (uint256 k = 0; k < accounts.length; k++) {
            if (amounts[k] == 0) continue;
            owed[accounts[k]] += amounts[k];
            emit Credited(job, accounts[k], amounts[k]);
        }
        totalOwed += msg.value;
    }

    /// @notice Takes everything that the sender has earned.
    function claim(address payable to) external nonReentrant {
        uint256 amount = owed[msg.sender];
        if (amount == 0) revert NothingOwed(msg.sender);
        owed[msg.sender] = 0;
        totalOwed -= amount;
        emit Claimed(msg.sender, to, amount);
        Address.sendValue(to, amount);
    }

    /// @param weights equal ones, numbers of samples, or contributions; below 2^64 each, not all 0
    function split(uint256 amount, uint256[] calldata weights) public pure returns (uint256[] memory amounts) {
        uint256 sum;
        for (uint256 k = 0; k < weights.length; k++) {
            if (weights[k] > type(uint64).max) revert MalformedWeights();
            sum += weights[k];
        }
        if (sum == 0 || amount > type(uint128).max) revert MalformedWeights();
        amounts = new uint256[](weights.length);
        uint256 left = amount;
        for (uint256 k = 0; k < weights.length; k++) {
            amounts[k] = (amount * weights[k]) / sum;
            left -= amounts[k];
        }
        for (uint256 k = 0; left != 0; k++) {
            if (weights[k] == 0) continue;
            amounts[k] += 1;
            left -= 1;
        }
    }
}
